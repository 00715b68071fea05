"""`mmio-bisect history`: what was measured before."""

EXAMPLES = """
Examples:

  mmio-bisect history list

  mmio-bisect history list --recipe store_then_step --verdict bad --since 2026-11-01

  mmio-bisect history show 7

  mmio-bisect history show 3fa94c0d

  mmio-bisect history show --recipe fill_loop --series zig --opt 2

A number is a run; eight or more hexadecimal digits are the beginning of an outcome's key.
"""
