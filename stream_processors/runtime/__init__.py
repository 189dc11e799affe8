"""The one room that knows Faust: its restricted profile and the guarded handler."""
