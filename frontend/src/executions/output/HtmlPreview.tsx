import { previewPage } from './html';
import { OutputNote } from './OutputNote';
import './HtmlPreview.css';

/** HTML that a plugin made, as a page: in a frame that runs nothing, reaches nothing and belongs to no origin. */
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
        Scripts, forms, links and pictures from elsewhere do not work in this preview.
      </OutputNote>
    </>
  );
}
