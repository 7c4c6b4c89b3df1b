"""The providers the stand-in plays, each with the profile API in its true shape."""
