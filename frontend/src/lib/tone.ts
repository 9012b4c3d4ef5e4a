/** The colour of a badge, notice or toast, by what it means. */
export type Tone = 'neutral' | 'accent' | 'success' | 'warning' | 'danger';
