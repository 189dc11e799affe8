"""The sagas: pure rules on frozen values, one file each; the step table stands first in it."""
