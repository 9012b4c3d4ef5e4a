import { useState } from 'react';
import { chooseTheme, currentTheme } from '../theme';
import { Segmented } from './Segmented';

export function ThemeChoice() {
  const [theme, setTheme] = useState(currentTheme);
  return (
    <div className="theme-choice">
      <span aria-hidden="true">Theme</span>
      <Segmented
        label="Theme"
        options={[
          { value: 'system', label: 'Auto' },
          { value: 'light', label: 'Light' },
          { value: 'dark', label: 'Dark' },
        ]}
        value={theme}
        onChange={(chosen) => {
          chooseTheme(chosen);
          setTheme(chosen);
        }}
      />
    </div>
  );
}
