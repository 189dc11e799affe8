"""The browser's side of the archive: its sources (TypeScript), and in `dist` what they are built into."""
