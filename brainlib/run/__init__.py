"""./run_all.sh: drives the notebooks, knows no science."""
