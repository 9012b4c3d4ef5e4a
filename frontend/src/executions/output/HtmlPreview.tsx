import { previewPage } from './html';
import { OutputNote } from './OutputNote';
import './HtmlPreview.css';

/** HTML from a plugin, rendered in a frame without scripts, network access or origin. */
export function HtmlPreview({ html, label }: { html: string; label: string }) {
  return (
    <>
      <iframe
        className="html-preview"
        sandbox=""
        referrerPolicy="no-referrer"
        title={`Preview of the ${label.toLowerCase()}`}
        srcDoc={previewPage(html)}
      />
      <OutputNote className="html-preview-note muted">
        Scripts, forms, links and external images do not work in this preview.
      </OutputNote>
    </>
  );
}
