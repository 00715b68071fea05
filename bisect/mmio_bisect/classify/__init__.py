"""From instructions to accesses, defects and a verdict: pure, and without a disassembler in sight."""
