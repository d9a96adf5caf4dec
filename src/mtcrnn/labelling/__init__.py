"""From recordings without labels to curves with names: the page that labels, and pictures of what was heard."""
