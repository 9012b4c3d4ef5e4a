"""Checks imports for what import-linter's contracts in pyproject.toml cannot express."""

from graphlib import TopologicalSorter

import grimp


def test_imports_form_no_cycle() -> None:
    """Whether a cycle works depends on which of its modules is imported first."""
    graph = grimp.build_graph("config", "plugins", "accounts", "core")
    order = TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules})
    order.prepare()  # raises CycleError, which names the modules
