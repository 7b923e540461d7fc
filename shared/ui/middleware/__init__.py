"""ASGI middleware of the suite: access, arguments of calls, files, previews of uploads, heads of pages."""
