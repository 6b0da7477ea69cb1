/** A host with or without a port: `db.example.com:9187`, `[::1]:80`. */
export const ADDRESS =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
