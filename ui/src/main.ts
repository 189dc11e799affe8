// Starts the interface. What looks (theme, language) is decided before the first paint.
import { bootstrapApplication } from '@angular/platform-browser';
import { App } from './app/app';
import { config } from './app/app.config';
import { applyTheme, storedTheme } from './app/appearance/theme';

applyTheme(storedTheme());
await bootstrapApplication(App, config);
