"""A plugin whose words are package data."""

from pathlib import Path


def greet(name):
    return Path(__file__).with_name("words.txt").read_text(encoding="utf-8").strip() + " " + name
