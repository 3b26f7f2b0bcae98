"""One file a metric: the sentence that defines it, its cases in SQL, its window, threshold and consequence."""
