#include "storage/postgres/schema.h"

#include <exception>
#include <pqxx/pqxx>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/absl_view.h"
#include "storage/postgres/schema_scripts.h"
#include "storage/postgres/trouble.h"

namespace warren::storage {
namespace {

// As server_version_num says it: 130000 is 13.0.
constexpr int kOldestServer = 130'000;

constexpr char kDoing[] = "prepare the schema warren";

// Somebody who may create it can have done so for a role that may not; IF NOT EXISTS would ask for
// that right all the same.
constexpr char kBegin[] = R"(
DO $$ BEGIN
  IF to_regnamespace('warren') IS NULL THEN
    CREATE SCHEMA warren;
    COMMENT ON SCHEMA warren IS 'A message broker''s; its manual says what may be changed here.';
  END IF;
END $$;
CREATE TABLE warren.schema_migrations (
  version int PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE warren.schema_migrations IS 'Which scripts made this schema.';
COMMENT ON COLUMN warren.schema_migrations.version IS 'Number of the script.';
COMMENT ON COLUMN warren.schema_migrations.applied_at IS 'When it was applied.';
)";

// Zero if there is nothing yet.
absl::StatusOr<int> VersionIn(Link& link) {
  const absl::StatusOr<Link::Rows> table =
      link.Query("SELECT to_regclass('warren.schema_migrations')", kDoing);
  if (!table.ok()) return table.status();
  if (table->at(0)[0].empty()) return 0;
  const absl::StatusOr<Link::Rows> found =
      link.Query("SELECT coalesce(max(version), 0) FROM warren.schema_migrations", kDoing);
  if (!found.ok()) return found.status();
  int version = 0;
  if (!absl::SimpleAtoi(found->at(0)[0], &version)) {
    return absl::DataLossError(absl::StrCat(link.where(), ": warren.schema_migrations holds \"",
                                            found->at(0)[0], "\" where a number must be"));
  }
  return version;
}

// libpqxx 6 has classes for some errors and forgets the SQLSTATE of these.
std::string StateOf(const pqxx::sql_error& error) {
  if (!error.sqlstate().empty()) return error.sqlstate();
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr) return "42501";
  if (dynamic_cast<const pqxx::disk_full*>(&error) != nullptr) return "53100";
  if (dynamic_cast<const pqxx::insufficient_resources*>(&error) != nullptr) return "53000";
  if (dynamic_cast<const pqxx::syntax_error*>(&error) != nullptr) return "42601";
  return "";
}

// One step up. The row comes first: a broker that is second waits there, and then fails.
absl::Status Advance(const Link& link, const std::string& parameters, int version) {
  try {
    pqxx::connection database(parameters);
    pqxx::work step(database);
    if (version == 0) step.exec(kBegin);
    step.exec("INSERT INTO warren.schema_migrations (version) VALUES (" +
              std::to_string(version + 1) + ")");
    step.exec(std::string(SchemaScripts()[static_cast<size_t>(version)]));
    step.commit();
    return absl::OkStatus();
  } catch (const pqxx::sql_error& error) {
    return SqlTrouble(link.where(), kDoing, StateOf(error), error.what());
  } catch (const pqxx::failure& error) {  // pqxx::broken_connection, or nobody knows the outcome
    return SqlTrouble(link.where(), kDoing, "", error.what());
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat(link.where(), ": can't ", kDoing, ": ", error.what()));
  }
}

absl::Status LookAtServer(Link& link) {
  const absl::StatusOr<Link::Rows> found = link.Query(
      "SELECT current_setting('server_version_num'), current_setting('server_encoding')", kDoing);
  if (!found.ok()) return found.status();
  int version = 0;
  if (!absl::SimpleAtoi(found->at(0)[0], &version)) version = 0;
  return CheckServer(link.where(), version, found->at(0)[1]);
}

}  // namespace

absl::Status CheckServer(std::string_view where, int server_version, std::string_view encoding) {
  if (server_version < kOldestServer) {
    return absl::FailedPreconditionError(absl::StrCat(
        Absl(where), ": the server is PostgreSQL ", server_version / 10'000,
        "; it must be 13 or newer: upgrade it, or use another one"));
  }
  if (encoding != "UTF8") {
    return absl::FailedPreconditionError(absl::StrCat(
        Absl(where), ": the database's encoding is ", Absl(encoding),
        "; it must be UTF8: CREATE DATABASE name OWNER role ENCODING 'UTF8' TEMPLATE template0"));
  }
  return absl::OkStatus();
}

absl::Status CheckSchemaVersion(std::string_view where, int found, int known) {
  if (found <= known) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      Absl(where), ": the schema warren has version ", found, ", made by a newer broker; this one "
      "knows versions up to ", known, ": start the newer broker, or use another database"));
}

absl::Status Migrate(Link& link, const PostgresAccess& access) {
  if (absl::Status fits = LookAtServer(link); !fits.ok()) return fits;
  const int known = static_cast<int>(SchemaScripts().size());
  absl::StatusOr<int> version = VersionIn(link);
  while (version.ok() && *version < known) {
    const int before = *version;
    const absl::StatusOr<std::string> parameters = ConnectionString(access, "warren schema");
    if (!parameters.ok()) return parameters.status();
    const absl::Status advanced = Advance(link, *parameters, before);
    version = VersionIn(link);
    // Else another broker was quicker.
    const bool moved = version.ok() && *version > before;
    if (!advanced.ok() && !moved) return advanced;
  }
  return version.ok() ? CheckSchemaVersion(link.where(), *version, known) : version.status();
}

}  // namespace warren::storage
