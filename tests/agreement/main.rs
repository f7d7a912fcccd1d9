//! Whether `infra/template.yaml` deploys what the code is: its tables, the calls that it makes,
//! the variables that it reads, the routes that it serves.

mod calls;
mod logs;
mod roles;
mod routes;
mod tables;
mod template;
mod variables;
mod work;
