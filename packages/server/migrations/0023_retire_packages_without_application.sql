-- Packages that were left when the last application that had them installed was deleted: nobody could delete them, and they counted.
update packages as p set deleted_at = now()
where deleted_at is null and not exists (
  select from application_packages as i
  join applications as a on a.id = i.application_id
  where i.package_id = p.id and i.removed_at is null and a.deleted_at is null);
