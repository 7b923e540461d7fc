"""Search of a library by many visitors at once: replicas of its models behind one server of pages."""
