"""The processor: sagas, decided one inbox record at a time, and run by Faust in its restricted profile."""
