"""Tests of mnemon.ai."""
