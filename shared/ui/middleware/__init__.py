"""ASGI middleware of the suite: access, previews of uploads, heads of pages."""
