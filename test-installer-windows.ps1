# Tests the installer for Windows, with its files in a folder of its own: installs, brings up to date, removes.
param([string]$Binary)
$ErrorActionPreference = 'Stop'
$env:CI = 'true' # nothing waits for a key
$installer = Join-Path $PSScriptRoot 'install\windows\install.ps1'
$env:LOCALAPPDATA = Join-Path ([IO.Path]::GetTempPath()) "llamagate test $PID"
$folder = Join-Path $env:LOCALAPPDATA 'Programs\LlamaGate'
$from = if ($Binary) { @('-Binary', $Binary) } else { @() }
$script:failed = 0

function Assert([string]$What, [bool]$Holds) {
    if ($Holds) { Write-Host "PASS  $What" } else { Write-Host "FAIL  $What"; $script:failed += 1 }
}

function Install([string[]]$From) {
    powershell -NoProfile -ExecutionPolicy Bypass -File $installer -Yes -Logon no @From | Out-Host
    $LASTEXITCODE
}

try {
    Assert 'it installs' ((Install $from) -eq 0)
    $program = Get-ChildItem $folder -Filter 'llamagate.*' |
        Where-Object { $_.Extension -in '.exe', '.cmd' } | Select-Object -First 1
    Assert 'the program runs' ((& $program.FullName --version) -like 'llamagate *')
    $settings = Join-Path $folder '.env'
    Assert 'a key was made' ((Get-Content $settings -Raw) -match 'API_KEY=sk-[0-9a-f]{48}')
    Set-Content $settings 'API_KEY=mine'
    Assert 'it installs again' ((Install $from) -eq 0)
    Assert 'settings are kept' ((Get-Content $settings -Raw).Trim() -eq 'API_KEY=mine')
    $before = (Get-ChildItem $folder -Recurse -Force).Count
    $broken = @('-Binary', "$env:SystemRoot\System32\where.exe")
    Assert 'a program that does not run is refused' ((Install $broken) -ne 0)
    Assert 'and nothing has changed' ((Get-ChildItem $folder -Recurse -Force).Count -eq $before)
    & (Join-Path $folder 'uninstall.cmd') -Yes | Out-Host
    Assert 'removing keeps settings' (((Get-ChildItem $folder -Force).Name -join ',') -eq '.env')
    & (Join-Path $PSScriptRoot 'install\windows\uninstall.cmd') -Yes -Purge | Out-Host
    Assert 'purging leaves nothing' (-not (Test-Path $folder))
} finally {
    Remove-Item $env:LOCALAPPDATA -Recurse -Force -ErrorAction SilentlyContinue
}
if ($failed) { exit 1 }
