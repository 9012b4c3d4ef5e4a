import { useState } from 'react';
import type { IconName } from '../components/Icon';
import { IconButton } from '../components/IconButton';
import { chooseTheme, currentTheme, type Theme } from '../lib/theme';

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
