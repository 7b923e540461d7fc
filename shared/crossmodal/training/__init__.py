"""Training of joint spaces."""
