"""The glossary's entries, a module for each subject."""
