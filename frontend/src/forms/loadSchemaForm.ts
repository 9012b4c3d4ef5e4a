/** Loads the form library, which is as large as the rest of the app. */
export const loadSchemaForm = () => import('./SchemaForm');
