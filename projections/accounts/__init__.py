"""View accounts: who may sign in."""
