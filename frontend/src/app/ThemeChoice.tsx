import { useState } from 'react';
import { chooseTheme, currentTheme } from '../lib/theme';
import { SegmentedControl } from '../components/SegmentedControl';

export function ThemeChoice() {
  const [theme, setTheme] = useState(currentTheme);
  return (
    <div className="theme-choice">
      <span aria-hidden="true">Theme</span>
      <SegmentedControl
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
