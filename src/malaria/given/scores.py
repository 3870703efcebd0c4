import numpy as np


def scores(labels, probabilities, threshold=0.5):
    y = np.asarray(labels) == 1
    p = np.asarray(probabilities, float)
    pred = p > threshold
    _, pl, t = np.unique(p, return_inverse=True, return_counts=True)
    r = (np.cumsum(t) - (t - 1) / 2)[pl]
    P = y.sum()
    N = (~y).sum()
    return dict(
        accuracy=float((pred == y).mean()),
        sensitivity=float(pred[y].mean()) if P else float("nan"),
        specificity=float((~pred[~y]).mean()) if N else float("nan"),
        auc=float((r[y].sum() - P * (P + 1) / 2) / P / N) if P and N else float("nan"),
    )
