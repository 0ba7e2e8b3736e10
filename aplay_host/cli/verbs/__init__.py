"""One file a verb; each is imported when its verb is called for."""
