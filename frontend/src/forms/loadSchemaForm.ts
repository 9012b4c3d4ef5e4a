/** Brings the form library, which is as big as the rest of the app, when a form is about to be shown. */
export const loadSchemaForm = () => import('./SchemaForm');
