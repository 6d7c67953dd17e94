// Joins many changes into one update before the next frame; a hidden page has no frames, and updates a little later.

export function coalesced(update: () => void): () => void {
  let planned = false;
  return () => {
    if (planned) return;
    planned = true;
    const run = (): void => {
      planned = false;
      update();
    };
    if (document.hidden) setTimeout(run, 100);
    else requestAnimationFrame(run);
  };
}
