// What the interface is assembled from.
import { provideZonelessChangeDetection, type ApplicationConfig } from '@angular/core';
import { TitleStrategy, provideRouter, withComponentInputBinding, withInMemoryScrolling } from '@angular/router';
import { routes } from './app.routes';
import { Arrival } from './arrival';

export const config: ApplicationConfig = {
  providers: [
    provideZonelessChangeDetection(),
    { provide: TitleStrategy, useExisting: Arrival },
    provideRouter(routes, withComponentInputBinding(), withInMemoryScrolling({ scrollPositionRestoration: 'enabled' })),
  ],
};
