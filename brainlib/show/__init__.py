"""Draws and lets people move; computes nothing."""
