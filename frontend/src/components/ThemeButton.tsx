import { useState } from 'react';
import { chooseTheme, currentTheme, type Theme } from '../theme';
import type { IconName } from './Icon';
import { IconButton } from './IconButton';

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const ICONS: Record<Theme, IconName> = { system: 'monitor', light: 'sun', dark: 'moon' };

export function ThemeButton() {
  const [theme, setTheme] = useState(currentTheme);
  const next = NEXT[theme];
  return (
    <IconButton
      icon={ICONS[theme]}
      label={`Theme: ${theme}. Switch to ${next}`}
      onClick={() => {
        chooseTheme(next);
        setTheme(next);
      }}
    />
  );
}
