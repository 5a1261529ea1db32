"""Fit the weights of rlaif/fault_router.py on the development faults and print them.

    python -m tests.benchmarks.fit_fault_router

tests/rlaif/labelled_faults.jsonl takes no part: it is what the router is measured on.
"""

import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from rlaif.fault_features import fault_figures
from rlaif.fault_router import FACT_FROM
from tests.rlaif.labelled import DEVELOPMENT, read_faults

STRENGTH = 3.0  # C of the regression, by ten-fold cross-validation among 1, 3, 6 and 10


def main() -> None:
    """Print the share of right routes under cross-validation, then the weights."""
    faults = read_faults(DEVELOPMENT)
    figures = [fault_figures(fault.case) for fault in faults]
    names = list(figures[0])
    table = np.array([[one[name] for name in names] for one in figures])
    is_fact = np.array([fault.label == "fact" for fault in faults])
    model = LogisticRegression(C=STRENGTH, max_iter=5000)
    chances = cross_val_predict(model, table, is_fact, cv=10, method="predict_proba")[:, 1]
    right = (chances >= FACT_FROM) == is_fact
    model.fit(table, is_fact)
    lines = [
        f"{right.sum()} of {len(faults)} right, cross-validated",
        *(
            f'    "{name}": {weight:.2f},'
            for name, weight in zip(names, model.coef_[0], strict=True)
        ),
        f"BIAS = {model.intercept_[0]:.2f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
