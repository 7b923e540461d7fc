"""Training of joint spaces: sampling, objectives, validation, calibration."""
