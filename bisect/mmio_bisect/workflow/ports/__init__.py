"""What the use cases need of the world, by subject. Adapters implement these Protocols, and so do the tests' fakes.

Every port that may take long is handed a `Signals`: it reports progress there and gives up with `CancelledError` soon
after `cancelled` is set.
"""
