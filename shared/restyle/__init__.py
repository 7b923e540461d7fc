"""Restyling: new colors, patterns and backgrounds for the people in photos."""
