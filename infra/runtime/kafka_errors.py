"""Kafka driver's errors in our words, and its unit of time."""

import contextlib
from collections.abc import Iterator

from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

from infra.runtime.cancellation import yield_to_cancellation
from infra.runtime.settings_sections import KafkaSettings
from schemas.errors import ConfigurationInvalid, LogUnavailable, TooLarge

_REFUSED = (
    AuthenticationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the driver's errors into ours: what may pass is LogUnavailable, what cannot is refused with its reason."""
    try:
        yield
    except (MessageSizeTooLargeError, RecordTooLargeError) as error:
        raise TooLarge("The record is larger than its topic allows.") from error
    except _REFUSED as error:
        message = f"Kafka refuses this program: {error}. Check its user and its rights."
        raise ConfigurationInvalid(message) from error
    except IllegalStateError:
        raise  # a programmer's mistake, such as a seek in a partition that was not assigned
    except (KafkaError, OSError) as error:
        yield_to_cancellation(error)
        raise LogUnavailable(f"Kafka does not answer as needed: {type(error).__name__} {error}".rstrip()) from error


def milliseconds(settings: KafkaSettings) -> int:
    """Return the request time-out as Kafka's clients want it."""
    return int(settings.request_timeout_seconds * 1000)
