"""The closed catalogue of metrics: every number that a program may show, each with one sentence."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """All metrics of one process, in a registry of their own, so that two can live side by side in a test."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._edge()
        self._log()
        self._sagas()
        self._element()
        self._views()

    def render(self) -> bytes:
        """Return the text format of Prometheus 0.0.4."""
        return generate_latest(self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered; all three have few values."""
        key = (method, route, status)
        numbers = self._answered.get(key)
        if numbers is None:
            # The library checks and joins the labels each time that it is asked for a number.
            counter = self.http_requests.labels(method, route, str(status))
            numbers = self._answered[key] = (counter, self.http_request_seconds.labels(route))
        numbers[0].inc()
        numbers[1].observe(seconds)

    def _edge(self) -> None:
        self.http_requests = self._counter(
            "http_requests_total", "HTTP requests answered.", "method", "route", "status"
        )
        self.http_request_seconds = self._histogram(
            "http_request_seconds", "Time from the first byte of a request to the last byte of its answer.", "route"
        )
        self.sign_ins = self._counter("sign_ins_total", "Attempts to sign in, by outcome.", "outcome")

    def _log(self) -> None:
        self.records_published = self._counter("records_published_total", "Records acknowledged by the log.", "topic")
        self.publish_seconds = self._histogram("publish_seconds", "Time until the log acknowledged a record.", "topic")
        self.records_read = self._counter("records_read_total", "Records read from the log.", "topic")
        self.dead_letters = self._counter("dead_letters_total", "Records put among the dead letters.", "topic")

    def _sagas(self) -> None:
        self.saga_advances = self._counter("saga_advances_total", "Steps that sagas took.", "kind", "state")
        self.saga_duplicates = self._counter("saga_duplicates_total", "Inbox records recognised as repeated.")
        self.saga_decide_seconds = self._histogram(
            "saga_decide_seconds", "Time from reading an inbox record to its last acknowledged output."
        )
        self.saga_deadlines = self._counter("saga_deadlines_total", "Deadlines that expired.")
        self.sagas_open = self._gauge("sagas_open", "Sagas that have not ended.")

    def _element(self) -> None:
        self.uploads_committed = self._counter("uploads_committed_total", "Documents made durable by this element.")
        self.uploads_refused = self._counter("uploads_refused_total", "Uploads refused, by code.", "code")
        self.upload_bytes = self._counter("upload_bytes_total", "Bytes of documents made durable.")
        self.download_bytes = self._counter("download_bytes_total", "Bytes of documents sent to clients.")
        self.downloads_handed_over = self._counter(
            "downloads_handed_over_total", "Downloads whose bytes were left to the proxy in front."
        )
        self.commit_seconds = self._histogram(
            "commit_seconds", "Time of the local transaction that makes a document durable."
        )
        self.outbox_entries = self._gauge("outbox_entries", "Events that wait for the log's acknowledgement.")
        self.element_total_bytes = self._gauge("element_total_bytes", "Size of the element's file system.")
        self.element_free_bytes = self._gauge("element_free_bytes", "Space that the element can still give.")
        self.documents_damaged = self._gauge("documents_damaged", "Versions that are damaged now.")
        self.scrubbed_documents = self._counter("scrubbed_documents_total", "Versions that the scrub has looked at.")
        self.scrubbed_bytes = self._counter("scrubbed_bytes_total", "Bytes that the scrub has read from the drive.")
        self.scrub_age_seconds = self._gauge("scrub_age_seconds", "Time since the scrub ended a whole pass.")
        self.text_extractions = self._counter("text_extractions_total", "Texts extracted, by outcome.", "outcome")

    def _views(self) -> None:
        self.view_records = self._counter("view_records_total", "Records applied to a view.", "view")
        self.view_lag_records = self._gauge("view_lag_records", "Records that a view has not read yet.", "view")
        self.view_batch_seconds = self._histogram(
            "view_batch_seconds", "Time of one transaction that brings a view forward.", "view"
        )
        self.view_gaps = self._counter("view_gaps_total", "Gaps seen in the sequence of a document's attributes.")
        self.texts_fetched = self._counter("texts_fetched_total", "Texts fetched from agents, by outcome.", "outcome")

    def _counter(self, name: str, sentence: str, *labels: str) -> Counter:
        return Counter(f"artstore_{name}", sentence, labels, registry=self.registry)

    def _gauge(self, name: str, sentence: str, *labels: str) -> Gauge:
        return Gauge(f"artstore_{name}", sentence, labels, registry=self.registry)

    def _histogram(self, name: str, sentence: str, *labels: str) -> Histogram:
        return Histogram(f"artstore_{name}", sentence, labels, registry=self.registry, buckets=BUCKETS_SECONDS)
