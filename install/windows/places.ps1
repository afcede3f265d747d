# Where LlamaGate lies on Windows; install.ps1 and uninstall.ps1 read it. All of it belongs to the user.

$Folder = Join-Path $env:LOCALAPPDATA 'Programs\LlamaGate'
$Data = Join-Path $env:LOCALAPPDATA 'LlamaGate'
$StartMenu = Join-Path ([Environment]::GetFolderPath('Programs')) 'LlamaGate.lnk'
$AtLogon = Join-Path ([Environment]::GetFolderPath('Startup')) 'LlamaGate.lnk'
$Task = 'LlamaGate'
$Settings = '.env', 'llamagate.toml', 'tokens.json'

function Stop-LlamaGate {
    # A running program cannot be replaced or removed.
    if (Get-ScheduledTask -TaskName $Task -ErrorAction SilentlyContinue) {
        Stop-ScheduledTask -TaskName $Task
    }
    Get-Process |
        Where-Object { $_.Path -and $_.Path.StartsWith("$Folder\", 'OrdinalIgnoreCase') } |
        ForEach-Object { Stop-Process -InputObject $_ -Force; $_.WaitForExit(10000) | Out-Null }
}

function Get-UserPath {
    # Without the folder of LlamaGate.
    $path = [Environment]::GetEnvironmentVariable('Path', 'User')
    @("$path".Split(';') | Where-Object { $_ -and $_ -ne $Folder })
}
