"""What stands behind the Makefile. Only the standard library: most of it runs before set-up."""
