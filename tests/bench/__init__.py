"""Measurements: what rpcd costs beside C, plain Python and sudo, in one run on one machine.

Run them with `make bench`. Compare the ratios of one run, never times of two. Nothing fails when a goal is missed:
the table shows it.
"""
