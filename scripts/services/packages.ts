// Asks the system's package manager and Python's for what is missing. Each answers whether it could.
import { findOnPath, runStep } from "./command.ts";

let listsUpdated: Promise<boolean> | null = null;

async function attempt(step: Parameters<typeof runStep>[0]): Promise<boolean> {
  try {
    await runStep(step);
    return true;
  } catch (error) {
    // The caller has another way or says what to install; the reason is for the reader of the log.
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}

const APT_ENV = { DEBIAN_FRONTEND: "noninteractive" };
/** Another installation on this machine may hold dpkg's lock for minutes. */
const APT_WAIT = ["-o", "DPkg::Lock::Timeout=300"];

/** Installs Debian or Ubuntu packages; false when this is not root on such a system, or when it fails. */
export async function installSystemPackages(...names: string[]): Promise<boolean> {
  const aptGet = findOnPath("apt-get");
  if (aptGet === null || process.getuid?.() !== 0) return false;
  listsUpdated ??= attempt({
    label: "updating the package lists", done: "package lists updated",
    command: aptGet, args: [...APT_WAIT, "update"], env: APT_ENV,
  });
  if (!(await listsUpdated)) return false;
  return attempt({
    label: `installing ${names.join(", ")}`, done: `${names.join(", ")} installed`,
    command: aptGet, args: [...APT_WAIT, "install", "-y", "--no-install-recommends", ...names], env: APT_ENV,
  });
}

async function findPip(): Promise<string | null> {
  const found = (): string | null => findOnPath("pip3") ?? findOnPath("pip");
  return found() ?? ((await installSystemPackages("python3-pip")) ? found() : null);
}

/** Unpacks one Python package (`name==version`) into `folder`, without its dependencies; false when it can't. */
export async function unpackPythonPackage(requirement: string, folder: string): Promise<boolean> {
  const pip = await findPip();
  if (pip === null) return false;
  return attempt({
    label: `downloading ${requirement}`, done: `${requirement} downloaded`, command: pip,
    args: ["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", folder, requirement],
    // A target folder touches nothing of the system's Python, yet some releases of pip refuse without this.
    env: { PIP_BREAK_SYSTEM_PACKAGES: "1", PIP_ROOT_USER_ACTION: "ignore" },
  });
}
