"""All the tests of the house."""
