"""Values of the domain, and nothing else: frozen, slotted, standard library only."""
