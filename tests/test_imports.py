"""What import-linter's contracts (pyproject.toml) do not say."""

from graphlib import TopologicalSorter

import grimp


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Such a ring works or breaks by which of its modules is imported first."""
    graph = grimp.build_graph("config", "plugins", "accounts")
    order = TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules})
    order.prepare()  # raises CycleError, which names the ring
