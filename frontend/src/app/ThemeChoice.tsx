import { useState } from 'react';
import { SegmentedControl } from '../components/SegmentedControl';
import { chooseTheme, currentTheme } from '../lib/theme';
import './ThemeChoice.css';

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
